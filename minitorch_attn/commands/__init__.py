"""The commands of `python -m minitorch_attn`: above the engine and the course."""
