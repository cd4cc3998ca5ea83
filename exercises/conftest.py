"""`pytest exercises` checks every exercise here; `-m exercise_06_2` checks one."""

pytest_plugins = ["minitorch_attn.course.learner.pytest_plugin"]
