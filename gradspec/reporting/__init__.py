"""Results for people and programs: terminal text, badges."""
