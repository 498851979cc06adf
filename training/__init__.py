"""Training of the networks that lipsync ships; imports lipsync and is never imported by it.

    prepare          footage → one file per speaker: sound and lips of every clip
    train_lip_lstm   those files + a config → weights
    evaluate         weights → docs/benchmarks/lips.md
    ablate           many small runs → docs/benchmarks/ablation.md

`prepare` finds videos (`footage`), cuts them (`takes`), judges them (`judge`), measures the lips of
what is left (`tracks`, `people`) and lets processes share the work (`workers`).

Around them: `corpus` (the files), `augment` (other voices from one), `alignment` (when each phone
is spoken), `figures`, `baselines` and `exam` (all figures of one person's clips); and of a run its
`options`, `batches`, `learner`, `ranks` (the processes that share it) and `run_state`.
"""
