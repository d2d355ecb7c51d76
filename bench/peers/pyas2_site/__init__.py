"""The smallest Django project around django-pyas2, for the side-by-side bench."""
