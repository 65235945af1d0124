"""From measurements to a trained set.

In: measurements. Out: :class:`guide_ml.estimators.artefacts.Fitted`, with errors on what was held
out. ``dataset`` weighs and shapes, ``crossval`` holds out, ``train`` fits, ``tuning`` searches
hyper-parameters, ``baselines`` are the simple methods to beat. Serving never imports this.

A new kind of split belongs to :mod:`guide_ml.measurements.evaluation`.
"""
