"""What several tests need: running programs of their own, and counting what they leave behind."""
