package scan

import (
	"regexp"
	"strings"
)

// scope says which names a rule is about.
type scope int

const (
	exactly    scope = iota // these names
	everything              // what is in these modules and below them
	classes                 // classes there: their names begin with a capital; and what Cython restores them with
)

// rules is what we know about names. An exact name goes before modules, and a longer module before a shorter one, so
// that an exception stands beside its rule.
//
// Allowed are names that hold data, also when they are called with whatever arguments. Whatever calls or looks up
// what it is told (getattr, functools.partial, operator.methodcaller) is a way to everything else, so it is not among
// them, and neither are readers of files such as numpy.load. A module also gives away what it imported itself: what
// sklearn 1.9, scipy 1.17 and pandas 3.0 hold under capitals was looked through for that, hence the exceptions.
var rules = []struct {
	class Class
	scope scope
	names string
}{
	{Harmful, everything, `os posix nt posixpath ntpath subprocess _posixsubprocess commands popen2 pty tty sys _sys shutil tempfile glob fileinput
		socket _socket socketserver SocketServer ssl select selectors asyncio http httplib urllib urllib2 urllib3 requests httpx aiohttp
		ftplib smtplib poplib imaplib nntplib telnetlib xmlrpc xmlrpclib webbrowser antigravity paramiko
		runpy importlib imp pkgutil zipimport zipapp site code codeop _pyrepl pdb bdb cProfile profile trace timeit doctest
		ctypes _ctypes cffi _cffi_backend mmap multiprocessing _multiprocessing concurrent threading _thread thread signal gc atexit
		pickle _pickle cPickle pickletools shelve marshal dbm sqlite3 joblib.memory joblib.externals.loky
		distutils setuptools pip ensurepip venv pydoc idlelib lib2to3 platform sysconfig inspect operator _operator
		numpy.testing numpy.f2py numpy.distutils numpy.ctypeslib numpy.lib.npyio numpy.lib._npyio_impl
		torch.hub torch.serialization torch.package torch._inductor torch._dynamo torch.distributed torch.multiprocessing
		torch.utils.cpp_extension torch.utils._config_module torch.utils.bottleneck torch.utils.collect_env
		pandas.io sklearn.utils._testing tensorflow.io`},
	{Harmful, exactly, `builtins.eval builtins.exec builtins.execfile builtins.compile builtins.__import__ builtins.open builtins.file builtins.input
		builtins.raw_input builtins.getattr builtins.setattr builtins.delattr builtins.globals builtins.locals builtins.vars
		builtins.breakpoint builtins.help builtins.apply builtins.reduce builtins.exit builtins.quit io.open io.FileIO io.open_code
		_io.open _io.FileIO _io.open_code codecs.open functools.partial functools.partialmethod functools.reduce functools.singledispatch _functools.partial _functools.reduce
		types.FunctionType types.CodeType types.MethodType types.LambdaType types.ModuleType logging.config.fileConfig logging.config.dictConfig
		logging.config.listen logging.FileHandler linecache.getline pathlib.Path.write_text pathlib.Path.read_text
		cloudpickle.load cloudpickle.loads cloudpickle.cloudpickle.load cloudpickle.cloudpickle.loads
		dill.load dill.loads dill._dill.load dill._dill.loads dill._dill._import_module dill._dill._get_attr dill._dill._eval_repr
		joblib.load joblib.dump joblib.numpy_pickle.load joblib.numpy_pickle.dump joblib.numpy_pickle._unpickle joblib.numpy_pickle.NumpyUnpickler
		numpy.load numpy.save numpy.savez numpy.memmap numpy.fromfile numpy.loadtxt numpy.genfromtxt numpy.DataSource numpy.lib.format.read_array
		pandas.read_pickle pandas.to_pickle pandas.eval pandas.core.computation.eval.eval pandas.HDFStore pandas.ExcelFile pandas.ExcelWriter
		torch.load torch.jit.load torch.jit._serialization.load torch.storage._load_from_bytes torch.utils.model_zoo.load_url`},
	{Code, everything, `cloudpickle joblib.externals.cloudpickle dill sklearn.externals.joblib.externals.cloudpickle`},

	{Unknown, everything, `sklearn.datasets sklearn.externals sklearn.conftest sklearn.tests sklearn.utils sklearn.callback pandas.core.computation pandas.util pandas.compat pandas.plotting
		pandas._testing pandas.tests`},
	{Allowed, classes, `sklearn sklearn.utils._bunch sklearn.utils._metadata_requests sklearn.utils._weight_vector scipy.sparse scipy.interpolate scipy.spatial pandas
		xgboost.core xgboost.sklearn lightgbm.basic lightgbm.sklearn catboost.core _catboost torch.nn.modules torch.nn.parameter`},
	{Allowed, everything, `__torch__`}, // TorchScript, not Python
	{Allowed, exactly, `builtins.set builtins.frozenset builtins.dict builtins.list builtins.tuple builtins.int builtins.long builtins.float builtins.complex
		builtins.bool builtins.str builtins.unicode builtins.bytes builtins.bytearray builtins.slice builtins.range builtins.xrange
		builtins.object builtins.type builtins.Ellipsis builtins.NotImplemented _codecs.encode
		copyreg._reconstructor copyreg.__newobj__ copyreg.__newobj_ex__ types.SimpleNamespace
		collections.OrderedDict collections.defaultdict collections.Counter collections.deque
		datetime.datetime datetime.date datetime.time datetime.timedelta datetime.timezone decimal.Decimal fractions.Fraction uuid.UUID re._compile
		numpy.ndarray numpy.dtype numpy.matrix numpy.recarray numpy.record numpy.poly1d numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct
		numpy.core.multiarray.scalar numpy._core.multiarray.scalar numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer
		numpy.matrixlib.defmatrix.matrix numpy.ma.MaskedArray numpy.ma.core.MaskedArray numpy.ma.core._mareconstruct
		numpy.bool numpy.bool_ numpy.int8 numpy.int16 numpy.int32 numpy.int64 numpy.uint8 numpy.uint16 numpy.uint32 numpy.uint64 numpy.intc numpy.str_ numpy.bytes_
		numpy.float16 numpy.float32 numpy.float64 numpy.longdouble numpy.complex64 numpy.complex128 numpy.datetime64 numpy.timedelta64 numpy.object_ numpy.void
		numpy.log numpy.log1p numpy.log2 numpy.log10 numpy.exp numpy.expm1 numpy.sqrt numpy.square numpy.abs numpy.absolute numpy.sin numpy.cos
		numpy.mean numpy.median numpy.sum numpy.std numpy.var numpy.min numpy.max numpy.average
		numpy.random._pickle.__randomstate_ctor numpy.random._pickle.__generator_ctor numpy.random._pickle.__bit_generator_ctor
		numpy.random._mt19937.MT19937 numpy.random._pcg64.PCG64 numpy.random.bit_generator.SeedSequence numpy.random.bit_generator.__pyx_unpickle_SeedSequence
		joblib.numpy_pickle.NumpyArrayWrapper joblib.numpy_pickle_compat.NDArrayWrapper joblib.numpy_pickle_compat.ZNDArrayWrapper
		scipy._lib.array_api_compat.numpy._aliases.asarray scipy.stats._distn_infrastructure.rv_frozen scipy.optimize._optimize.OptimizeResult
		scipy.sparse._bsr.bsr_matrix scipy.sparse._bsr.bsr_array scipy.sparse.bsr.bsr_matrix scipy.sparse._coo.coo_matrix
		scipy.sparse._coo.coo_array scipy.sparse.coo.coo_matrix scipy.sparse._csc.csc_matrix scipy.sparse._csc.csc_array
		scipy.sparse.csc.csc_matrix scipy.sparse._csr.csr_matrix scipy.sparse._csr.csr_array scipy.sparse.csr.csr_matrix
		scipy.sparse._dia.dia_matrix scipy.sparse._dia.dia_array scipy.sparse.dia.dia_matrix scipy.sparse._dok.dok_matrix
		scipy.sparse._dok.dok_array scipy.sparse.dok.dok_matrix scipy.sparse._lil.lil_matrix scipy.sparse._lil.lil_array
		scipy.sparse.lil.lil_matrix
		sklearn.neighbors._kd_tree.newObj sklearn.neighbors._ball_tree.newObj sklearn.metrics._dist_metrics.newObj sklearn.neighbors._dist_metrics.newObj
		sklearn.cluster._kmeans._kmeans_single_lloyd sklearn.cluster._kmeans._kmeans_single_elkan sklearn.compose._column_transformer.make_column_selector
		sklearn.feature_selection._univariate_selection.f_classif sklearn.feature_selection._univariate_selection.f_regression
		sklearn.feature_selection._univariate_selection.chi2 sklearn.feature_selection._mutual_info.mutual_info_classif
		sklearn.feature_selection._mutual_info.mutual_info_regression sklearn.metrics._scorer._passthrough_scorer
		sklearn.metrics._classification.accuracy_score sklearn.metrics._classification.balanced_accuracy_score sklearn.metrics._classification.f1_score
		sklearn.metrics._classification.precision_score sklearn.metrics._classification.recall_score sklearn.metrics._classification.log_loss
		sklearn.metrics._ranking.roc_auc_score sklearn.metrics._ranking.average_precision_score sklearn.metrics._regression.r2_score
		sklearn.metrics._regression.mean_squared_error sklearn.metrics._regression.root_mean_squared_error sklearn.metrics._regression.mean_absolute_error
		mlflow.pyfunc.model.PythonModel mlflow.models.signature.ModelSignature mlflow.models.signature._TypeHints
		pandas._libs.internals._unpickle_block pandas._libs.arrays.__pyx_unpickle_NDArrayBacked pandas._libs.tslibs.nattype._nat_unpickle
		pandas._libs.tslibs.timedeltas._timedelta_unpickle pandas._libs.tslibs.timestamps._unpickle_timestamp pandas.core.internals.blocks.new_block
		pandas.core.indexes.base._new_Index pandas.core.indexes.datetimes._new_DatetimeIndex pandas.core.indexes.interval._new_IntervalIndex
		pandas.core.indexes.period._new_PeriodIndex pyarrow.lib._restore_array pyarrow.lib.py_buffer pyarrow.lib.type_for_alias
		torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_tensor_v3 torch._utils._rebuild_parameter
		torch._utils._rebuild_parameter_with_state torch._utils._rebuild_qtensor torch._utils._rebuild_sparse_tensor
		torch._utils._rebuild_meta_tensor_no_storage torch._utils._rebuild_device_tensor_from_numpy torch._tensor._rebuild_from_type_v2
		torch.Tensor torch.Size torch.device torch.serialization._get_layout torch.storage.UntypedStorage torch.storage.TypedStorage
		torch.FloatStorage torch.DoubleStorage torch.HalfStorage torch.BFloat16Storage torch.LongStorage torch.IntStorage torch.ShortStorage
		torch.CharStorage torch.ByteStorage torch.BoolStorage torch.ComplexFloatStorage torch.ComplexDoubleStorage
		torch.float16 torch.float32 torch.float64 torch.bfloat16 torch.int8 torch.int16 torch.int32 torch.int64 torch.uint8 torch.bool torch.per_tensor_affine
		torch.jit._pickle.build_intlist torch.jit._pickle.build_doublelist torch.jit._pickle.build_boollist torch.jit._pickle.build_tensorlist
		torch.jit._pickle.build_tensor_from_id torch.jit._pickle.restore_type_tag`},
}

// functionMakers give a function when called, which has no business being called while the file is loaded.
var functionMakers = set(`cloudpickle.cloudpickle._make_function cloudpickle.cloudpickle._make_skel_func cloudpickle.cloudpickle._fill_function
	cloudpickle.cloudpickle_fast._make_function joblib.externals.cloudpickle.cloudpickle._make_function dill._dill._create_function dill.dill._create_function`)

// escapes are attributes that lead from any object to the interpreter.
var escapes = set(`__globals__ __builtins__ __subclasses__ __code__ __import__ __loader__ __getattribute__ __base__ __bases__ __mro__ __reduce__ __reduce_ex__ __dict__ __func__`)

// renamed are modules of Python 2 that pickles of old protocols name; CPython's Lib/_compat_pickle.py.
var renamed = map[string]string{"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins", "StringIO": "io", "cStringIO": "io"}

var className = regexp.MustCompile(`^(?:_{0,2}[A-Z]\w*|__pyx_unpickle_\w+)$`)

type modules map[string]struct {
	class Class
	scope scope
}

var exact, inModules = func() (map[string]Class, modules) {
	names, within := map[string]Class{}, modules{}
	for _, r := range rules {
		for name := range strings.FieldsSeq(r.names) {
			if r.scope == exactly {
				names[name] = r.class
				continue
			}
			within[name] = struct {
				class Class
				scope scope
			}{r.class, r.scope}
		}
	}
	return names, within
}()

// roots are the first parts of all names in rules.
var roots = func() map[string]bool {
	all := map[string]bool{}
	for _, r := range rules {
		for name := range strings.FieldsSeq(r.names) {
			root, _, _ := strings.Cut(name, ".")
			all[root] = true
		}
	}
	return all
}()

func set(words string) map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		all[w] = true
	}
	return all
}

// classify says what a name of a module is. Protocols from 4 on allow attributes of attributes ("a.b.c"): they are
// never allowed as classes, and harmful if the way leads through something harmful, as in sklearn.base os.system.
func classify(module, name string) Class {
	if now, old := renamed[module]; old {
		module = now
	}
	class := lookup(module+"."+name, !strings.Contains(name, ".") && className.MatchString(name))
	for rest := name; ; {
		part, further, more := strings.Cut(rest, ".")
		if escapes[part] || more && roots[part] && lookup(rest, false) == Harmful {
			return Harmful
		}
		if !more {
			return class
		}
		rest = further
	}
}

// deepest bounds the parts of a module in rules.
const deepest = 6

// lookup finds what the rules say of a full name, which may be that of a class.
func lookup(full string, class bool) Class {
	if c, ok := exact[full]; ok {
		return c
	}
	found := Unknown
	for end, parts := 0, 0; end < len(full) && parts < deepest; end, parts = end+1, parts+1 {
		if dot := strings.IndexByte(full[end:], '.'); dot >= 0 {
			end += dot
		} else {
			end = len(full)
		}
		if rule, ok := inModules[full[:end]]; ok && (rule.scope == everything || class) {
			found = rule.class
		}
	}
	return found
}
