"""Sites without code: ``sites/films.yaml`` becomes a model and a spider like those of a Python file."""
