"""The checks of the exercises: one module a chapter, with the wrong answers that prove them."""
