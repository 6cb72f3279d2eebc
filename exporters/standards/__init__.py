"""Published schemas that our exports are validated against; data only. Origin and licences: README.md."""
