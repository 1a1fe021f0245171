"""The file system of the operator's image and its bill of materials.

The image's build runs this with the base image's Python: only the standard library is used, from Python 3.11 on.
"""
