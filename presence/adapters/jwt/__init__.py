"""Token verification by PyJWT."""
