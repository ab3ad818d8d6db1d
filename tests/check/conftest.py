from ..quality.conftest import plain_vit

__all__ = ["plain_vit"]
