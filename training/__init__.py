"""Training of the weights that ship, run from a clone: `python -m training.<folder>.<module>`.

`lipsync` never imports this package, and the wheel does not contain it.

    corpus/            Footage → clips with synchronized lips and sound
    evaluation/        Benchmark pages: lip accuracy, sync filter, adaptation, ablation
    export/            Third-party weights converted to our format
    face_autoencoder/  Train the face-swap autoencoders
    inspection/        Real and fake clips for the detector of made videos
    metrics            Metrics of predicted lips: correlation, RMSE, closures, stillness
    parallel/          Worker processes and distributed training
    speech_model/      Train the speech-to-lips LSTM
"""
