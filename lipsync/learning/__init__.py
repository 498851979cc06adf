"""Training that the product itself does: speech-model fine-tuning and the mouth decoder.

fine_tuning     Fine-tune a speech model on one person's speech and lips, with early stopping
lip_losses      Lip-shape loss of training and fine-tuning, and linear resampling of tracks
metrics_log     Training metrics as CSV, one row per report
mouth_decoder/  Train a neural mouth decoder of one person
optimizers      torch's optimizers without what they leave on the disk
own_speech      A person's own speech and lips as data for fine-tuning
picture_losses  Loss terms and metrics of generated pictures, one function each
run_state       Checkpoints of a run to resume from, written atomically
schedule        Learning-rate schedule and exponential moving average of weights
"""
