"""`envcheck inspect`: what compiled files hold and need. Must not judge, nor know how it prints."""
