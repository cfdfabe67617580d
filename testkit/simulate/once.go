package simulate

func (w *World) onceOwes(*payment) {}
func (w *World) onceFinal()        {}
