"""A published study redone: twelve classifiers on data sets of ten features.

J. Bowles, S. Ahmed and M. Schuld, "Better than classical? The subtle art of benchmarking quantum
machine learning models" (arXiv:2403.07059). Run it as `python examples/benchmark_study`.

__main__      the command
command       options -> what is run, printed and saved
study         all fits of a table, and what each came to
search        the grids of hyperparameters, by cross-validation
report        results beside the paper's, as tables
charts        results beside the paper's, as figures
fitting       name, hyperparameters, data -> a fitted model
models        the models, one family a module
streams       random numbers of a seed, as the published programs draw them
datasets      the generated data sets
images        handwritten digits, reduced to a few features
published     the paper's hyperparameters and accuracies (published.json)
"""
