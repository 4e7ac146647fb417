"""The table that the comparators write to: the same columns clerk-sync makes by default."""

POSTGRES = """
CREATE TABLE users (
  clerk_id text PRIMARY KEY,
  email text,
  username text,
  first_name text,
  last_name text,
  image_url text,
  created_at timestamptz,
  updated_at timestamptz
)
"""
