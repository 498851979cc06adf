"""Measure speech models: the tables of docs/benchmarks/.

ablation              Command: run all ablation rows → ablation.md and its plot
ablation_page         Page and plot of the ablation's finished rows
ablation_rows         What the ablation varies, and the record of a row
adaptation            Command: fine-tuning on half of a person's clips → adapt.md
baselines             Baseline predictors: mean shape, shuffled sound, ridge regression
ears                  Command: which features of the sound tell the lips → ears.md
languages             Command: closures for p, b, m in seven languages → languages.md
lip_accuracy          Command: every model and baseline → lips.md
lip_metric_tables     Tables of lips.md: metrics of predicted lips on one person
running               Command: every model on running speech of unseen people → running.md
running_adapted       Tables of running.md: lips of a person some of whose speech is known
running_metrics       Measures of running.md: shape, closures and dynamics of lips
running_page          The page of lips on running speech
sync_filter_accuracy  Command: which clips the sync filter keeps → prepare.md
"""
