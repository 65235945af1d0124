"""``python -m guide_ml`` is ``guide``."""

from guide_ml.cli.main import main

if __name__ == "__main__":
    main()
