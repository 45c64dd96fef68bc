"""What people write in BUILD files; the help text of each field is its manual."""
