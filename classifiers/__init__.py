"""What a page is: which form, which type, or neither."""
