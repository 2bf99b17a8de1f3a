"""Code that runs inside another interpreter: Python 3.7 syntax, stdlib only, no envcheck."""
