"""From a few runs of one's own to a profile that corrects predictions.

In: a table of measurements. Out: a :class:`guide_ml.profiles.Profile`.

A new check of a user's rows belongs to ``fit``; what is learnt of them to :mod:`guide_ml.profiles`.
"""

from guide_ml.calibration.fit import calibrate

__all__ = ["calibrate"]
