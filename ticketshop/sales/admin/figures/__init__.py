"""The page *Figures*: tables, curves drawn on the server, and a spreadsheet."""
