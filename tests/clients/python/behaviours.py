"""Shows the behaviours that ../README.md lists, with the helpers that this client has for them."""

from surroundings import show

show([])
