"""Text on PDF pages in every script: shaped, in the right direction, inside its box.

``text.Writer(canvas)`` draws on a ReportLab canvas; ``fonts.unprintable(text)`` names the characters that no font has.
"""
