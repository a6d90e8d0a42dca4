"""The data sets that sfumato knows: what each is, where it is looked for, and its splits as `Examples`."""

from sfumato.datasets.catalog import Entry as Entry
from sfumato.datasets.catalog import catalog as catalog
from sfumato.datasets.catalog import entry as entry
from sfumato.datasets.load import Loaded as Loaded
from sfumato.datasets.load import load as load

__all__ = ["Entry", "Loaded", "catalog", "entry", "load"]
