"""Training of the networks that lipsync ships; imports lipsync and is never imported by it.

    prepare          footage → one file per speaker: sound and lips of every clip
    train_lip_lstm   those files + a config → weights
    evaluate         weights → docs/benchmarks/lips.md
    ablate           many small runs → docs/benchmarks/ablation.md

Around them: `corpus` (the files), `augment` (other voices from one) and `figures`; and of a run
its `options`, `batches`, `learner`, `ranks` (the processes that share it) and `run_state`.
"""
