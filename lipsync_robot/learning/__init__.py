"""Everything that trains: data sets, networks, training, babbling, export, evaluation. The only room that imports torch."""
