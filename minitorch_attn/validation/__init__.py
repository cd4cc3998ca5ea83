"""What functions demand of their arguments, and what they say when it is not met.

Here is what NumPy would let pass, or refuse in words that help nobody. All of it takes arrays.
"""
