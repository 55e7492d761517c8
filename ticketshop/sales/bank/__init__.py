"""Bank files: read (``camt``), stored (``files``), compared with the orders (``proposals``), and recorded (``entries``)."""
