"""What notebooks show: tables as HTML, and a line of progress."""
