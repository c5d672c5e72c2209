"""How journals of earlier versions become this version's; run by `schema.py` through Alembic."""
