"""Training that the product itself does: fine-tuning a speech model, learning a mouth decoder.

fine_tuning     Fine-tune a speech model on one person's own sound and lips, and stop in time
lip_losses      What training and adaptation share: the loss, and reading tracks between their s
metrics_log     The curve of a training run: one CSV row per report, and a resumed run goes on w
mouth_decoder/  Train a decoder of one person's mouth
picture_losses  What made pictures are to get right; each part a function of its own (METHOD.md
run_state       `state.pt`: all that a stopped run needs to go on, written whole or not at all
schedule        Learning rate and moving average over the steps of a run
"""
