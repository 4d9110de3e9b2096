"""What you run: settings, composition root, command line, embedded servers."""
