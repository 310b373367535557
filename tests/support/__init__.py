"""What the tests share: a scripted upstream, a runner for the command line, a model server, a leak check."""
