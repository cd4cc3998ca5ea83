"""What a chapter's source begins with."""

HEADER = """---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""
