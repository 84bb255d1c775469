"""The command `otx`: one subcommand, one typed function."""
