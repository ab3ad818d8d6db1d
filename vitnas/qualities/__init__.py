"""What a search can maximise, one file each; the contract stands in `vitnas.quality.base`."""
