"""The programme of the two demo organisers: texts, dates, prices and posters."""
