"""Calibration to one's own machines: what a few measurements say of the general model.

The logarithm of measured / predicted is taken as a sum of effects of the device, the engine, the
precision, the layout, the model, ..., each drawn from a normal distribution whose spread
was learnt on devices that the estimators had not seen (empirical Bayes). Given a few measurements,
the best estimate of the sum is a weighted mean of their log-ratios, drawn towards 0: three noisy
rows move little, ten that agree move nearly all the way. Two of the effects fade as loads
differ: a deployment that is slower under large batches only is corrected there only. Latencies are
corrected before heavier loads bound lighter ones, so what rises with the load goes on rising.

In: log-ratios of measured to predicted. Out: corrections that apply to like deployments.
A new effect is an entry of ``effects``.
"""

from guide_ml.profiles.files import ProfileLike, load, profile_of
from guide_ml.profiles.profile import Profile

__all__ = ["Profile", "ProfileLike", "load", "profile_of"]
