"""The implementation of bodybroker.language_system.v1.LanguageSystemService."""
