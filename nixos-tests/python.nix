# What the repository's own tests and linters need, our packages among it.
python: [
  python.bootproof
  python.cryptography
  python.githubkit
  python.jsonschema
  python.markdown-it-py
  python.mypy
  python.prometheus-client
  python.pytest-timeout
  python.pytest-xdist
  python.setuptools
  python.shtab
  python.types-greenlet
  python.types-jsonschema
  python.types-pyyaml
  python.zeta-self-register
]
