"""Text on PDF pages in all scripts, with shaping, text direction and line breaks.

``text.Writer(canvas)`` draws on a ReportLab canvas; ``fonts.unprintable(text)`` returns the characters that no font contains.
"""
