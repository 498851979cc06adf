"""Training of the weights that ship, run from a clone: `python -m training.<folder>.<module>`.

`lipsync` never imports this package, and the wheel does not contain it.

    corpus/            footage → clips with lips and sound that belong together
    speech_model/      the speech-to-lips LSTM
    face_autoencoder/  the face-swap networks
    evaluation/        tables of docs/benchmarks/: lips, closures, adaptation, ablation
    export/            weights of others brought into our format
    parallel/          worker processes and distributed training
"""
