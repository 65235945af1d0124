"""What a deployment is: hardware, model, framework, workload as frozen value objects.

In: figures. Out: objects whose numbers were checked (:mod:`guide_ml.describe.checks`), and the
four targets that are predicted of them (:mod:`guide_ml.describe.targets`).
A new descriptor is a field of :mod:`guide_ml.describe.descriptors` with its range in ``checks``.
"""
