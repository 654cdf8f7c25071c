"""The implementation of relative.email.v1.MailService."""
