"""Settings of all tests."""

from hypothesis import settings

# A time limit per example says how busy the machine is, not whether the code is right.
settings.register_profile("trainwell", deadline=None)
settings.load_profile("trainwell")
