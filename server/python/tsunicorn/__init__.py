"""What an app in Python imports from Tsunicorn. It is on the module path of every Python dirty worker."""
