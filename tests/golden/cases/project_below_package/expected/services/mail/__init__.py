"""The implementation of email.v1.MailService."""
