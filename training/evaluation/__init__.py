"""Measure speech models: tables under docs/benchmarks/.

ablation           Many small training runs → docs/benchmarks/ablation.md and .png: what matters
ablation_page      The ablation's page and plot, from the rows that have been run
ablation_rows      What the ablation varies: sections of rows, each row a training run of its ow
adaptation         Adaptation → docs/benchmarks/adapt.md: half of a person's clips adapts, the o
baselines          Where lips come from: a network, and what it is measured against (the mean mo
lip_accuracy       Weights → docs/benchmarks/lips.md: every model and baseline in one table
lip_metric_tables  The tables of docs/benchmarks/lips.md: every row's lips on a person's clips,
metrics            The figures of docs/benchmarks/lips.md, from true and predicted lips alone (n
sync_filter        Judging → docs/benchmarks/prepare.md: which clips `prepare` keeps, of right a
"""
