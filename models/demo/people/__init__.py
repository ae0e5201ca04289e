"""Rendered people: MakeHuman's body, skins, clothes and hair under the light of free panoramas.

`packages` fetches, `makehuman` and `wardrobe` read, `skeleton` poses, `draw` renders, `hands`, `bodies` and
`negatives` compose, `render` fills the cache. Every room imports only those before it in this list.
"""
