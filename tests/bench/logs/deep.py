from vitnas.quality.proxies import Proxy


class Deep(Proxy):
    """Root of the parameters; fails where the stem gives 5 channels."""

    needs = "network"
    resolution_px = 32
    batch = 2

    def measure(self, network, images):
        if network.stem.conv2.conv.out_channels == 5:
            raise ValueError("five channels")
        return float(sum(p.numel() for p in network.parameters())) ** 0.5
