"""What ``docs/theory.md`` is made of: its chapters, the worked example, the equations' functions and the figures."""
